"""Runs in TensorBoard."""

from gankit import registering
from gankit_tensorboard.observers import TensorBoard

gankit_register = registering(("tensorboard", TensorBoard))

"""Runs in any tracker that is spoken to as W&B is: W&B itself, trackio, SwanLab."""

from gankit import registering
from gankit_wandb_like.observers import WandbLike

gankit_register = registering(("wandb-like", WandbLike))

"""Runs in any tracker that is spoken to as W&B is: W&B itself, trackio, SwanLab."""

from gankit import registering
from gankit_wandb_like.observers import SwanLab, Trackio, Wandb, WandbLike

gankit_register = registering(
    ("swanlab", SwanLab),
    ("trackio", Trackio),
    ("wandb", Wandb),
    ("wandb-like", WandbLike),
)

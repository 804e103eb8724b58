"""What a person sees of a run while it goes on, progress on the console and grids of samples; and its guard."""

from gankit import registering
from gankit_observers.guard import Guard
from gankit_observers.observers import ConsoleProgress, SampleGrid

gankit_register = registering(
    ("guard", Guard),
    ("progress", ConsoleProgress),
    ("sample-grid", SampleGrid),
)

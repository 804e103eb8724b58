"""Where the runs of a study are carried out on one machine: one after the other, or several at once."""

from gankit import registering
from gankit_launchers.launchers import Processes, Sequential

gankit_register = registering(("sequential", Sequential), ("processes", Processes))

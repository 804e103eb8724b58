"""The text of a plugin that is a single file."""

PLUGIN = '''"""A plugin in one file."""
from gankit import Loss, hookimpl

class Lift(Loss):
    """Lifts."""
    height: float = 1.0
    """How high."""
    def discriminator(self, real, fake): return fake.mean() - real.mean()
    def generator(self, fake, real): return -fake.mean()

@hookimpl
def gankit_register(register):
    register("lift", Lift)
'''

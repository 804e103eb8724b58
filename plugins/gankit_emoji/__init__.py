"""Emoji as the packages of npm named emoji-datasource-... have them: small pictures in ten categories."""

from gankit import registering
from gankit_emoji.datasets import Emoji

gankit_register = registering(("emoji", Emoji))

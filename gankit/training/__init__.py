"""The trainer, random draws by place, and samples; imports torch."""

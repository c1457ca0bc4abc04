"""The parts of a System, each in a room of its own. Only components talk to what they stand for."""

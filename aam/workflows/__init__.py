"""What the command line and the Python API do: functions with typed arguments."""

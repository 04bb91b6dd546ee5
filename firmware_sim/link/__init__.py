"""Links to the world: frames over TCP, telemetry and telecommands over UDP."""

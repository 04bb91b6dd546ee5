"""The payload in real time: the flight's own topology behind sockets."""

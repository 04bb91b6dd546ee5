"""Hardware in the loop: a payload behind sockets, driven at a fixed schedule and measured from outside."""

"""What the service survives: killed and hung workers, clients that leave or dawdle, its own end."""

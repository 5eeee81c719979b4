"""What the service bears: a crowd, the same links again and again, all that it says of itself."""

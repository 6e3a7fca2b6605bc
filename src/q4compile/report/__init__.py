"""What each command leaves behind, and what is made of it."""

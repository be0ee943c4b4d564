"""Settings of a spec and of a user, seen from outside: what a start comes to, and when it asks again."""

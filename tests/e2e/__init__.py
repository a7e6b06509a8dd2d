"""End to end: a real repository, a real API server, real Argo; the controller is a process of its own."""

"""The web studio and the HTTP API, over one job queue."""

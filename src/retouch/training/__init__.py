"""The one training loop; loaders and metrics are passed in."""

"""Neural style: content reconstruction, texture synthesis, style transfer."""

"""Networks applied to pictures of any size, in pieces that are exactly what the whole would be."""

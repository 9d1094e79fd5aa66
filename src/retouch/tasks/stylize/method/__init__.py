"""How a picture takes on a manner: what is wanted, and how it is found."""

"""GAN inversion: photo to latent, edit, and back."""

"""Large-mask inpainting with Fourier convolutions (LaMa)."""

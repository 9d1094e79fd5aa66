"""What inpainting needs beside a network: filling without one, and the rim where old and new pixels meet."""

from __future__ import annotations
from retouch.weights.architecture import Architecture, Layout
from retouch.tasks.restore.network import Upscaler, Denoiser
TASK="restore"
ARCHITECTURES=(Architecture("upscaler",TASK,Upscaler),Architecture("denoiser",TASK,Denoiser))
LAYOUTS=()

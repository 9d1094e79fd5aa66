"""Networks that look at a picture: their features say what it shows, and in which manner."""

from retouch.features.finding import CHOICES as CHOICES
from retouch.features.finding import Found as Found
from retouch.features.finding import find as find
from retouch.features.network import Features as Features
from retouch.features.untrained import untrained as untrained
from retouch.features.upstream import ARCHITECTURES as ARCHITECTURES
from retouch.features.upstream import LAYOUTS as LAYOUTS
from retouch.features.vgg import Vgg as Vgg

"""How far two places on the ground are apart. Degrees (WGS 84) and metres; a sphere is near enough.

Not for: boxes and bearings (``portal.registry.geo``), or a plan's drawing (``exchange.package.drawing``).
"""

import math

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius (IUGG)."""


def distance_m(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Along the great circle (haversine)."""
    a, b = math.radians(latitude), math.radians(other_latitude)
    across = math.radians(other_longitude - longitude)
    h = math.sin((b - a) / 2) ** 2 + math.cos(a) * math.cos(b) * math.sin(across / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))

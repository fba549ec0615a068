"""The face in a photo: found, described by the 68 iBUG points, and cut out upright."""

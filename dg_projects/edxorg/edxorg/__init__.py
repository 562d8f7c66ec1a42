"""Code location `edxorg`: what edX.org delivers."""

"""Rate-distortion explanations of image classifiers in the wavelet domain."""

"""Where filters fail: the smallest problems with exact answers on which each of them is wrong."""

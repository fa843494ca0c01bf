"""Fields, axes, styles and wording as data, independent of any toolkit."""

"""Where cassettes are put in: files on a disk, and what plays them."""

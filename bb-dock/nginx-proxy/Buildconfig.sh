# All that runs is nginx's image.
PACKAGES=""

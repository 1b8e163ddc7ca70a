# Nothing is compiled with Portage here.
PACKAGES=""

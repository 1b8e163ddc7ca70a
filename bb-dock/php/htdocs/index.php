<?php
header('Content-Type: text/plain');
echo "It works!\n";

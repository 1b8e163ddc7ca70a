<?php
header('Content-Type: text/plain');
echo "It works!\n", $_GET['sum'] ?? 'nothing', " was asked for, by ", $_SERVER['REQUEST_METHOD'], "\n";

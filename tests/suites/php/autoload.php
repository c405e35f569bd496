<?php
// What composer would write for php-amqplib: a class is found by its name.
spl_autoload_register(function (string $class): void {
    $folders = [
        'PhpAmqpLib\\Tests\\Functional\\' => 'tests/Functional/',
        'PhpAmqpLib\\Tests\\Unit\\' => 'tests/Unit/',
        'PhpAmqpLib\\' => 'PhpAmqpLib/',
    ];
    foreach ($folders as $prefix => $folder) {
        if (strncmp($class, $prefix, strlen($prefix)) !== 0) {
            continue;
        }
        $file = __DIR__ . '/../' . $folder . strtr(substr($class, strlen($prefix)), '\\', '/') . '.php';
        if (is_file($file)) {
            require $file;
        }
        return;
    }
});

/* How far an instance is, as the DNS is told by who looks after it. */
#pragma once

enum instance_presence {
    INSTANCE_GONE,     /* does not run, or its health check says that it cannot serve */
    INSTANCE_STARTING, /* runs; has a health check that has not succeeded yet */
    INSTANCE_SERVING,  /* runs, and is healthy or has no check */
};

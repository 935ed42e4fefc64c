/* How each function of the fake library begins and ends. */
#ifndef API_H
#define API_H

#include "machine.h"

#define API __attribute__((visibility("default")))

typedef device_t *nvmlDevice_t;

/* Take the lock, read the machine again, write the call down; leave gives the lock back. */
nvmlReturn_t api_enter(const char *function);
nvmlReturn_t leave(nvmlReturn_t result);

#define BEGIN()                                                                                    \
    do {                                                                                           \
        nvmlReturn_t entered = api_enter(__func__);                                                    \
        if (entered) return leave(entered);                                                        \
    } while (0)
#define REQUIRE(condition, error)                                                                  \
    do {                                                                                           \
        if (!(condition)) return leave(error);                                                     \
    } while (0)
#define DEVICE(device, also_mig)                                                                   \
    do {                                                                                           \
        REQUIRE((device) && (device)->present, NVML_ERROR_INVALID_ARGUMENT);                       \
        REQUIRE((also_mig) || !(device)->is_mig, NVML_ERROR_NOT_SUPPORTED);                        \
        REQUIRE(!machine_gpus[(device)->gpu].state, machine_gpus[(device)->gpu].state);            \
    } while (0)

#endif

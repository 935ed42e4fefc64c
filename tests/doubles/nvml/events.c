/* Events and recovery actions: a script ($FAKE_NVML_EVENTS) says what happens, a line at a time. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api.h"

enum { FI_RECOVERY_ACTION = 230, VALUE_UNSIGNED_INT = 1 };
#define SUPPORTED (0x2 | 0x8 | 0x4000) /* double-bit ECC errors, critical Xids, unavailable */

typedef struct {
    device_t *device;
    unsigned long long type, data;
    uint32_t gpu_instance, compute_instance;
} nvmlEventData_t;

typedef struct {
    long offset; /* of the script: what was said before this set was made is past */
    unsigned long long registered[MAX_GPUS];
} *nvmlEventSet_t;

static FILE *open_script(void) {
    const char *path = getenv("FAKE_NVML_EVENTS");
    return path ? fopen(path, "r") : NULL;
}

API nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set) {
    BEGIN();
    *set = calloc(1, sizeof **set);
    FILE *script = open_script();
    if (script) {
        fseek(script, 0, SEEK_END);
        (*set)->offset = ftell(script);
        fclose(script);
    }
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
    BEGIN();
    free(set);
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t gpu, unsigned long long *types) {
    BEGIN();
    DEVICE(gpu, 0);
    *types = gpu->no_events ? 0 : SUPPORTED;
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t gpu, unsigned long long types,
                                          nvmlEventSet_t set) {
    BEGIN();
    DEVICE(gpu, 0);
    REQUIRE(!gpu->no_events && (types & ~(unsigned long long)SUPPORTED) == 0,
            NVML_ERROR_NOT_SUPPORTED);
    set->registered[gpu->gpu] |= types;
    return leave(NVML_SUCCESS);
}

/* Lines: "gpuN TYPE DATA"; "unknown TYPE DATA", of a device that has no handle; "error CODE" */
static nvmlReturn_t next_event(nvmlEventSet_t set, nvmlEventData_t *data) {
    FILE *script = open_script();
    if (!script) return NVML_ERROR_TIMEOUT;
    char line[128], who[16];
    nvmlReturn_t result = NVML_ERROR_TIMEOUT;
    fseek(script, set->offset, SEEK_SET);
    while (result == NVML_ERROR_TIMEOUT && fgets(line, sizeof line, script)) {
        if (!strchr(line, '\n')) break; /* still being written */
        set->offset = ftell(script);
        unsigned long long type, value;
        int index, code;
        if (sscanf(line, "error %d", &code) == 1) {
            result = (nvmlReturn_t)code;
        } else if (sscanf(line, "%15s %llu %llu", who, &type, &value) == 3) {
            int known = sscanf(who, "gpu%d", &index) == 1 && index < MAX_GPUS;
            if (known && !(set->registered[index] & type)) continue;
            device_t *device = known ? &machine_gpus[index] : NULL;
            *data = (nvmlEventData_t){device, type, value, UINT32_MAX, UINT32_MAX};
            result = NVML_SUCCESS;
        }
    }
    fclose(script);
    return result;
}

/* It waits without the lock: other threads go on. */
API nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, uint32_t timeout) {
    struct timespec pause = {0, 1000000};
    for (uint32_t waited = 0;; waited++) {
        /* no BEGIN: a call that waits would stand in the log a thousand times */
        nvmlReturn_t entered = api_enter(waited ? NULL : __func__);
        if (entered) return leave(entered);
        nvmlReturn_t result = leave(next_event(set, data));
        if (result != NVML_ERROR_TIMEOUT || waited >= timeout) return result;
        nanosleep(&pause, NULL);
    }
}

typedef struct {
    uint32_t field, scope;
    int64_t timestamp, latency;
    uint32_t type;
    nvmlReturn_t result;
    union {
        unsigned int number;
        unsigned long long wide;
    } value;
} nvmlFieldValue_t;

API nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t gpu, int count, nvmlFieldValue_t *values) {
    BEGIN();
    DEVICE(gpu, 1);
    for (int i = 0; i < count; i++) {
        int known = values[i].field == FI_RECOVERY_ACTION && gpu->recovery > 0;
        values[i].result = known ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED;
        values[i].type = VALUE_UNSIGNED_INT;
        values[i].value.number = known ? (unsigned)gpu->recovery - 1 : 0;
    }
    return leave(NVML_SUCCESS);
}

/* A stand-in for libnvidia-ml.so.1, written from the contract that nvml.h documents.
 *
 * Own code, no NVIDIA source. It holds what nvidia-ml-py needs for an inventory. With -DR470 it
 * lacks the symbols that a driver of the 470 series lacks, so that clients take their fallbacks.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"

typedef struct {
    uint64_t total, free, used;
} nvmlMemory_t;
typedef struct {
    uint32_t version;
    uint64_t total, reserved, free, used;
} nvmlMemory_v2_t;
typedef struct {
    uint32_t gpu, memory;
} nvmlUtilization_t;
typedef struct {
    uint32_t pid;
    uint64_t memory;
    uint32_t gpu_instance, compute_instance;
} nvmlProcessInfo_t;
typedef struct {
    uint32_t multiprocessors, copy_engines, decoders, encoders, jpegs, ofas;
    uint32_t gpu_instance_slices, compute_instance_slices;
    uint64_t memory_mb;
} nvmlDeviceAttributes_t;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int initialised;

/* One line for each call in $FAKE_NVML_LOG; then the machine's slowness. */
static void note(const char *function) {
    const char *path = getenv("FAKE_NVML_LOG");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        fprintf(file, "%s\n", function);
        fclose(file);
    }
    if (machine.latency_us) usleep(machine.latency_us);
    while (machine.hang_while[0] && access(machine.hang_while, F_OK) == 0)
        usleep(1000);
}

nvmlReturn_t api_enter(const char *function) {
    pthread_mutex_lock(&mutex);
    if (initialised) machine_load(0);
    if (function) note(function); /* NULL: the same call, waiting */
    if (!initialised) return NVML_ERROR_UNINITIALIZED;
    /* the kernel module was unloaded or exchanged: every handle is void */
    return machine.init;
}

nvmlReturn_t leave(nvmlReturn_t result) {
    pthread_mutex_unlock(&mutex);
    return result;
}

static nvmlReturn_t give_text(char *target, uint32_t size, const char *text) {
    if (strlen(text) + 1 > size) return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(target, text);
    return NVML_SUCCESS;
}

/* --- the library and the system --- */

API nvmlReturn_t nvmlInitWithFlags(uint32_t flags) {
    (void)flags;
    pthread_mutex_lock(&mutex);
    machine_load(1);
    note(__func__);
    if (!machine.init) initialised++;
    return leave(machine.init);
}

API nvmlReturn_t nvmlShutdown(void) {
    pthread_mutex_lock(&mutex);
    note(__func__);
    REQUIRE(initialised, NVML_ERROR_UNINITIALIZED);
    initialised--;
    return leave(NVML_SUCCESS);
}

API const char *nvmlErrorString(nvmlReturn_t result) {
    switch (result) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NO_PERMISSION: return "Insufficient Permissions";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
    case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case NVML_ERROR_TIMEOUT: return "Timeout";
    case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
    case NVML_ERROR_RESET_REQUIRED: return "GPU requires reset";
    case NVML_ERROR_LIB_RM_VERSION_MISMATCH: return "RM has detected an NVML/RM version mismatch.";
    case NVML_ERROR_ARGUMENT_VERSION_MISMATCH: return "Argument version mismatch";
    default: return "Unknown Error";
    }
}

API nvmlReturn_t nvmlSystemGetDriverVersion(char *version, uint32_t size) {
    BEGIN();
    return leave(give_text(version, size, machine.driver));
}

API nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) {
    BEGIN();
    *version = machine.cuda;
    return leave(NVML_SUCCESS);
}

/* --- handles --- */

API nvmlReturn_t nvmlDeviceGetCount_v2(uint32_t *count) {
    BEGIN();
    *count = (uint32_t)machine.gpu_count;
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(uint32_t index, nvmlDevice_t *device) {
    BEGIN();
    REQUIRE(index < (uint32_t)machine.gpu_count, NVML_ERROR_INVALID_ARGUMENT);
    DEVICE(&machine_gpus[index], 0);
    *device = &machine_gpus[index];
    return leave(NVML_SUCCESS);
}

/* --- facts of a device --- */

API nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, uint32_t size) {
    BEGIN();
    DEVICE(device, 1);
    return leave(give_text(name, size, device->name));
}

API nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, uint32_t size) {
    BEGIN();
    DEVICE(device, 1);
    return leave(give_text(uuid, size, device->uuid));
}

API nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, uint32_t *minor) {
    BEGIN();
    DEVICE(device, 0);
    *minor = device->minor;
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
    BEGIN();
    DEVICE(device, 1);
    *major = device->capability_major;
    *minor = device->capability_minor;
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, uint32_t *brand) {
    BEGIN();
    DEVICE(device, 0);
    *brand = device->brand;
    return leave(NVML_SUCCESS);
}

/* Version 1 counts what the driver reserves as used. */
API nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    BEGIN();
    DEVICE(device, 1);
    memory->total = device->total;
    memory->used = device->used + device->reserved;
    memory->free = memory->total - memory->used;
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates) {
    BEGIN();
    DEVICE(device, 1);
    REQUIRE(!device->is_mig && device->mig_mode != 1, NVML_ERROR_NOT_SUPPORTED);
    rates->gpu = device->utilization;
    rates->memory = device->memory_utilization;
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *mj) {
    BEGIN();
    DEVICE(device, 0);
    REQUIRE(device->energy, NVML_ERROR_NOT_SUPPORTED);
    *mj = device->energy - 1;
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, uint32_t *mw) {
    BEGIN();
    DEVICE(device, 0);
    REQUIRE(device->power, NVML_ERROR_NOT_SUPPORTED);
    *mw = (uint32_t)(device->power - 1);
    return leave(NVML_SUCCESS);
}

static uint32_t read_pid(const char *source) {
    if (*source != '@') return (uint32_t)strtoul(source, NULL, 0);
    FILE *file = fopen(source + 1, "r");
    uint32_t pid = 0;
    if (file) {
        if (fscanf(file, "%u", &pid) != 1) pid = 0;
        fclose(file);
    }
    return pid;
}

static nvmlReturn_t give_processes(nvmlDevice_t device, int only_drawing, uint32_t *count,
                                   nvmlProcessInfo_t *out) {
    device_t *gpu = &machine_gpus[device->gpu];
    if (gpu->hides_processes) return NVML_ERROR_NOT_SUPPORTED;
    nvmlProcessInfo_t found[MAX_PROCESSES];
    uint32_t n = 0, room = *count;
    for (int i = 0; i < gpu->process_count; i++) {
        process_t *process = &gpu->processes[i];
        int foreign = process->gpu_instance != device->gpu_instance ||
                      process->compute_instance != device->compute_instance;
        if ((device->is_mig && foreign) || (only_drawing && !process->draws)) continue;
        uint32_t pid = read_pid(process->pid);
        if (!pid) continue;
        found[n++] = (nvmlProcessInfo_t){pid, process->memory, process->gpu_instance,
                                         process->compute_instance};
    }
    *count = n;
    if (n == 0) return NVML_SUCCESS;
    if (room < n || !out) return NVML_ERROR_INSUFFICIENT_SIZE;
    memcpy(out, found, n * sizeof *found);
    return NVML_SUCCESS;
}

#define PROCESSES(function, only_drawing)                                                          \
    API nvmlReturn_t function(nvmlDevice_t device, uint32_t *count, nvmlProcessInfo_t *out) {      \
        BEGIN();                                                                                   \
        DEVICE(device, 1);                                                                         \
        return leave(give_processes(device, only_drawing, count, out));                            \
    }

PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2, 0)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v2, 1)

#ifndef R470
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3, 0)
PROCESSES(nvmlDeviceGetGraphicsRunningProcesses_v3, 1)

/* Version 2 tells apart what the driver reserves. */
API nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
    BEGIN();
    DEVICE(device, 1);
    REQUIRE(memory->version == (sizeof *memory | 2U << 24), NVML_ERROR_ARGUMENT_VERSION_MISMATCH);
    memory->total = device->total;
    memory->reserved = device->reserved;
    memory->used = device->used;
    memory->free = device->total - device->used - device->reserved;
    return leave(NVML_SUCCESS);
}
#endif

/* --- MIG --- */

API nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, uint32_t *current, uint32_t *pending) {
    BEGIN();
    DEVICE(device, 0);
    REQUIRE(device->mig_mode >= 0, NVML_ERROR_NOT_SUPPORTED);
    *current = *pending = (uint32_t)device->mig_mode;
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, uint32_t *count) {
    BEGIN();
    DEVICE(device, 0);
    *count = device->mig_mode >= 0 ? MAX_MIG : 0;
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, uint32_t index,
                                                     nvmlDevice_t *mig) {
    BEGIN();
    DEVICE(device, 0);
    REQUIRE(device->mig_mode >= 0, NVML_ERROR_NOT_SUPPORTED);
    REQUIRE(index < MAX_MIG, NVML_ERROR_INVALID_ARGUMENT);
    REQUIRE(device->mig_mode == 1 && device->mig[index], NVML_ERROR_NOT_FOUND);
    *mig = device->mig[index];
    return leave(NVML_SUCCESS);
}

API nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t mig, nvmlDeviceAttributes_t *attributes) {
    BEGIN();
    DEVICE(mig, 1);
    REQUIRE(mig->is_mig, NVML_ERROR_NOT_SUPPORTED);
    memset(attributes, 0, sizeof *attributes);
    attributes->gpu_instance_slices = mig->slices;
    attributes->compute_instance_slices = mig->slices;
    attributes->memory_mb = mig->total / MIB;
    return leave(NVML_SUCCESS);
}

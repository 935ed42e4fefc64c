/* Reads the machine file: $FAKE_NVML_MACHINE, else /etc/fake-nvml.ini (see README.md). */
#define _GNU_SOURCE
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

system_t machine;
device_t machine_gpus[MAX_GPUS];
static device_t mig_devices[MAX_GPUS][MAX_MIG];

static nvmlReturn_t return_code(const char *name) {
    static const struct {
        const char *name;
        nvmlReturn_t code;
    } codes[] = {
        {"ok", NVML_SUCCESS},
        {"lost", NVML_ERROR_GPU_IS_LOST},
        {"reset_required", NVML_ERROR_RESET_REQUIRED},
        {"driver_not_loaded", NVML_ERROR_DRIVER_NOT_LOADED},
        {"lib_rm_version_mismatch", NVML_ERROR_LIB_RM_VERSION_MISMATCH},
        {"no_permission", NVML_ERROR_NO_PERMISSION},
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!strcasecmp(name, codes[i].name)) return codes[i].code;
    return NVML_ERROR_UNKNOWN;
}

static char *trim(char *text) {
    while (*text == ' ' || *text == '\t')
        text++;
    char *end = text + strlen(text);
    while (end > text && strchr(" \t\r\n", end[-1]))
        *--end = 0;
    return text;
}

static void copy(char *target, size_t size, const char *text) {
    snprintf(target, size, "%s", text);
}

static char *next_field(char **rest) {
    char *field = *rest ? strsep(rest, ",") : NULL;
    return field ? trim(field) : (char *)"";
}

static uint64_t mebibytes(const char *text) { return strtoull(text, NULL, 0) * MIB; }
static uint32_t number(const char *text) { return (uint32_t)strtoul(text, NULL, 0); }

/* migK = uuid, gpu instance, compute instance, profile, slices, MiB, MiB used */
static void add_mig_device(device_t *gpu, int slot, char *value) {
    if (slot < 0 || slot >= MAX_MIG) return;
    device_t *mig = &mig_devices[gpu->index][slot];
    memset(mig, 0, sizeof *mig);
    mig->present = mig->is_mig = 1;
    mig->gpu = gpu->index;
    mig->index = slot;
    mig->capability_major = gpu->capability_major;
    mig->capability_minor = gpu->capability_minor;
    copy(mig->uuid, sizeof mig->uuid, next_field(&value));
    mig->gpu_instance = number(next_field(&value));
    mig->compute_instance = number(next_field(&value));
    snprintf(mig->name, sizeof mig->name, "%.60s MIG %.30s", gpu->name, next_field(&value));
    mig->slices = number(next_field(&value));
    mig->total = mebibytes(next_field(&value));
    mig->used = mebibytes(next_field(&value));
    gpu->mig[slot] = mig;
}

/* procK, drawK = pid or @file, MiB [, gpu instance, compute instance] */
static void add_process(device_t *gpu, int draws, char *value) {
    if (gpu->process_count == MAX_PROCESSES) return;
    process_t *process = &gpu->processes[gpu->process_count++];
    process->draws = draws;
    copy(process->pid, sizeof process->pid, next_field(&value));
    process->memory = mebibytes(next_field(&value));
    process->gpu_instance = value ? number(next_field(&value)) : UINT32_MAX;
    process->compute_instance = value ? number(next_field(&value)) : UINT32_MAX;
}

/* nvlinks = what each link leads to, by its number: gpuN, switch, or - for one that is down */
static void set_nvlinks(device_t *gpu, char *value) {
    char *word;
    while (gpu->nvlink_count < MAX_NVLINKS && (word = strsep(&value, " ")))
        if (*word) copy(gpu->nvlinks[gpu->nvlink_count++], sizeof *gpu->nvlinks, word);
}

static void set_gpu(device_t *gpu, const char *key, char *value) {
    if (!strcmp(key, "name"))
        copy(gpu->name, sizeof gpu->name, value);
    else if (!strcmp(key, "uuid"))
        copy(gpu->uuid, sizeof gpu->uuid, value);
    else if (!strcmp(key, "minor"))
        gpu->minor = number(value);
    else if (!strcmp(key, "cc"))
        sscanf(value, "%d.%d", &gpu->capability_major, &gpu->capability_minor);
    else if (!strcmp(key, "brand"))
        gpu->brand = number(value);
    else if (!strcmp(key, "mem_mib"))
        gpu->total = mebibytes(value);
    else if (!strcmp(key, "reserved_mib"))
        gpu->reserved = mebibytes(value);
    else if (!strcmp(key, "used_mib"))
        gpu->used = mebibytes(value);
    else if (!strcmp(key, "util"))
        gpu->utilization = number(value);
    else if (!strcmp(key, "memutil"))
        gpu->memory_utilization = number(value);
    else if (!strcmp(key, "energy_mj"))
        gpu->energy = 1 + strtoull(value, NULL, 0);
    else if (!strcmp(key, "power_mw"))
        gpu->power = 1 + strtoull(value, NULL, 0);
    else if (!strcmp(key, "pci"))
        copy(gpu->pci, sizeof gpu->pci, value);
    else if (!strcmp(key, "paths"))
        copy(gpu->paths, sizeof gpu->paths, value);
    else if (!strcmp(key, "nvlinks"))
        set_nvlinks(gpu, value);
    else if (!strcmp(key, "events"))
        gpu->no_events = !strcmp(value, "none");
    else if (!strcmp(key, "recovery"))
        gpu->recovery = 1 + atoi(value);
    else if (!strcmp(key, "state"))
        gpu->state = return_code(value);
    else if (!strcmp(key, "mig"))
        gpu->mig_mode = strcasecmp(value, "na") ? atoi(value) : -1;
    else if (!strncmp(key, "mig", 3))
        add_mig_device(gpu, atoi(key + 3), value);
    else if (!strcmp(key, "procs"))
        gpu->hides_processes = !strcasecmp(value, "na");
    else if (!strncmp(key, "proc", 4))
        add_process(gpu, 0, value);
    else if (!strncmp(key, "draw", 4))
        add_process(gpu, 1, value);
}

static void set_system(const char *key, const char *value) {
    if (!strcmp(key, "driver"))
        copy(machine.driver, sizeof machine.driver, value);
    else if (!strcmp(key, "cuda"))
        machine.cuda = atoi(value);
    else if (!strcmp(key, "init"))
        machine.init = return_code(value);
    else if (!strcmp(key, "latency_us"))
        machine.latency_us = number(value);
    else if (!strcmp(key, "hang_while"))
        copy(machine.hang_while, sizeof machine.hang_while, value);
    else if (!strcmp(key, "only_present_nodes"))
        machine.only_present_nodes = atoi(value);
    else if (!strcmp(key, "fabric"))
        machine.fabric_down = !strcmp(value, "down");
}

static device_t *new_gpu(int index) {
    device_t *gpu = &machine_gpus[index];
    memset(gpu, 0, sizeof *gpu);
    gpu->present = 1;
    gpu->index = gpu->gpu = gpu->section = index;
    gpu->minor = (uint32_t)index;
    gpu->mig_mode = -1;
    if (index + 1 > machine.gpu_count) machine.gpu_count = index + 1;
    return gpu;
}

static void parse(FILE *file) {
    char line[1024];
    device_t *gpu = NULL;
    while (fgets(line, sizeof line, file)) {
        char *text = trim(line), *equals;
        int index;
        if (!*text || *text == '#') continue;
        if (*text == '[') {
            int is_gpu = sscanf(text, "[gpu%d]", &index) == 1 && index >= 0 && index < MAX_GPUS;
            gpu = is_gpu ? new_gpu(index) : NULL;
            continue;
        }
        if (!(equals = strchr(text, '='))) continue;
        *equals = 0;
        if (gpu)
            set_gpu(gpu, trim(text), trim(equals + 1));
        else
            set_system(trim(text), trim(equals + 1));
    }
}

static int has_node(const char *format, unsigned n) {
    char path[64];
    snprintf(path, sizeof path, format, n);
    return access(path, F_OK) == 0;
}

/* As the real library in a container: only GPUs and MIG devices whose device node is there. */
static void drop_absent_nodes(void) {
    int kept = 0;
    for (int i = 0; i < machine.gpu_count; i++) {
        if (!machine_gpus[i].present || !has_node("/dev/nvidia%u", machine_gpus[i].minor)) continue;
        if (kept != i) machine_gpus[kept] = machine_gpus[i];
        device_t *gpu = &machine_gpus[kept];
        for (int j = 0; j < MAX_MIG; j++) {
            device_t *mig = gpu->mig[j];
            unsigned cap = mig ? gpu->minor * 135 + 3 + mig->gpu_instance * 9 : 0;
            if (!mig || !has_node("/dev/nvidia-caps/nvidia-cap%u", cap))
                gpu->mig[j] = NULL;
            else
                mig->gpu = kept;
        }
        gpu->index = gpu->gpu = kept++;
    }
    for (int i = kept; i < machine.gpu_count; i++)
        machine_gpus[i].present = 0;
    machine.gpu_count = kept;
}

void machine_load(int force) {
    static struct stat seen;
    const char *path = getenv("FAKE_NVML_MACHINE");
    struct stat now;
    if (!path) path = "/etc/fake-nvml.ini";
    if (stat(path, &now) == 0) {
        int same = now.st_ino == seen.st_ino && now.st_size == seen.st_size &&
                   !memcmp(&now.st_mtim, &seen.st_mtim, sizeof now.st_mtim);
        if (same && !force) return;
        seen = now;
    }
    memset(machine_gpus, 0, sizeof machine_gpus);
    memset(&machine, 0, sizeof machine);
    FILE *file = fopen(path, "r");
    if (!file) { /* the library without a machine: the kernel module is not there */
        machine.init = NVML_ERROR_DRIVER_NOT_LOADED;
        return;
    }
    parse(file);
    fclose(file);
    if (machine.only_present_nodes) drop_absent_nodes();
}

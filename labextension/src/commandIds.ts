// The commands, the only way to act.

/** Ids of the commands. */
export namespace CommandIDs {
  /** Open the panel. */
  export const openPanel = 'gpu-containers:open-panel';
  /** Load everything anew. */
  export const refresh = 'gpu-containers:refresh';
  /** Ask for image, kernel and GPUs, and start them for a notebook. */
  export const selectEnvironment = 'gpu-containers:select-environment';
  /** Start a kernel for a notebook and attach it. */
  export const launch = 'gpu-containers:launch';
  /** Show how a launch gets on. */
  export const showLaunch = 'gpu-containers:show-launch';
  /** Cancel a launch; of a running one, shut the kernel down. */
  export const stop = 'gpu-containers:stop';
  /** Open the notebook of a kernel. */
  export const openNotebook = 'gpu-containers:open-notebook';
}

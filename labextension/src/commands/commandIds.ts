// The commands, the only way to act.

/** Ids of the commands. */
export namespace CommandIDs {
  /** Open the panel. */
  export const openPanel = 'gpu-containers:open-panel';
  /** Load everything anew. */
  export const refresh = 'gpu-containers:refresh';
  /** Ask for image, kernel and GPUs, and start them for a notebook. */
  export const selectEnvironment = 'gpu-containers:select-environment';
  /** Start what a notebook remembers to have run in. */
  export const useRemembered = 'gpu-containers:use-remembered';
  /** Do not offer for now what a notebook remembers. */
  export const declineRemembered = 'gpu-containers:decline-remembered';
  /** Make a notebook that runs in a container. */
  export const newNotebook = 'gpu-containers:new-notebook';
  /** Start a kernel for a notebook and attach it. */
  export const launch = 'gpu-containers:launch';
  /** Show how a launch gets on. */
  export const showLaunch = 'gpu-containers:show-launch';
  /** Cancel a launch; of a running one, shut the kernel down. */
  export const stop = 'gpu-containers:stop';
  /** Stop the cell that a kernel runs. */
  export const interrupt = 'gpu-containers:interrupt';
  /** Restart a kernel in its container. */
  export const restart = 'gpu-containers:restart';
  /** Copy a report of a launch for an issue or an administrator. */
  export const copyReport = 'gpu-containers:copy-report';
  /** Start what waits for a GPU now, without one. */
  export const startOnCpu = 'gpu-containers:start-on-cpu';
  /** Keep a kernel from being stopped for idleness. */
  export const keepAlive = 'gpu-containers:keep-alive';
  /** Remove the containers that wait for kernels to come. */
  export const giveUpSpares = 'gpu-containers:give-up-spares';
  /** Open the notebook or console of a kernel. */
  export const openNotebook = 'gpu-containers:open-notebook';
  /** Look for an image to pull. */
  export const addImage = 'gpu-containers:add-image';
  /** Show all that is known of an image. */
  export const showImage = 'gpu-containers:show-image';
  /** Fetch an image. */
  export const pull = 'gpu-containers:pull';
  /** Send an image to its registry. */
  export const push = 'gpu-containers:push';
  /** Make an image. */
  export const build = 'gpu-containers:build';
  /** Make an image of a running kernel's container. */
  export const saveImage = 'gpu-containers:save-image';
  /** Give an image one more name. */
  export const tag = 'gpu-containers:tag';
  /** Remove an image, or one of its names. */
  export const removeImage = 'gpu-containers:remove-image';
  /** Cancel a pull or push; of a failed one, show it no longer. */
  export const cancelJob = 'gpu-containers:cancel-job';
  /** Log in to a registry. */
  export const login = 'gpu-containers:login';
  /** Log out of a registry. */
  export const logout = 'gpu-containers:logout';
  /** Open a terminal in a kernel's container. */
  export const openTerminal = 'gpu-containers:open-terminal';
  /** Show what a kernel's container writes. */
  export const showLog = 'gpu-containers:show-log';
}

// The dialog's body: one screen on which image, kernel, GPUs and limits are chosen.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';
import { INewLaunch } from '../client/wire';
import { IJob } from '../client/wireImages';
import { hasEnded } from '../model/jobs';
import { IPreset } from '../model/preset';
import { IGpuContainersModel, IJobsModel, IRegistriesModel } from '../tokens';
import { Problem } from '../widgets/problem';
import { ChosenImage, confirmation } from './chosenImage';
import { GpuFields, WhichGpu, particularOf } from './gpuFields';
import { ImageSearch } from './imageSearch';
import { KernelField } from './launchFields';
import { LimitFields, LimitSummary } from './limitFields';
import { IPresentKernel, LossNotice } from './lossNotice';
import { SearchState } from './searchState';
import { IPauses, useLaunchChoice } from './useLaunchChoice';

/** What is chosen, as far as the dialog's buttons are concerned. */
export interface ILaunchState {
  /** null where nothing can be started. */
  request: INewLaunch | null;
  /** What the button that starts it is called. */
  label: string;
  /** Whether something speaks against it. */
  isWarning: boolean;
  /** Whether a problem takes the place of the whole form. */
  isBlocked?: boolean;
}

/** Asks for image, kernel, GPUs and limits. */
export class LaunchForm extends ReactWidget {
  constructor(private readonly _options: LaunchForm.IOptions) {
    super();
    this.addClass('jp-GpuContainers-form');
  }

  /** What was chosen, or null where there is nothing to choose. */
  getValue(): INewLaunch | null {
    return this._state?.request ?? null;
  }

  protected render(): React.JSX.Element {
    const { model, jobs } = this._options;
    const form = () => (
      <Form
        {...this._options}
        onState={state => {
          this._state = state;
          this._options.onState?.(state);
        }}
      />
    );
    return (
      <UseSignal signal={model.changed}>
        {() =>
          jobs ? <UseSignal signal={jobs.changed}>{form}</UseSignal> : form()
        }
      </UseSignal>
    );
  }

  private _state: ILaunchState | null = null;
}

/** Types of the form. */
export namespace LaunchForm {
  /** What the form starts from. */
  export interface IOptions {
    model: IGpuContainersModel;
    trans: TranslationBundle;
    /** Without them, only images on this machine are offered. */
    registries?: IRegistriesModel | null;
    /** Without them, what is being saved is not waited for. */
    jobs?: IJobsModel | null;
    /** What is chosen at first. */
    preset?: IPreset;
    /** What was started last; it counts where the preset names no image. */
    last?: IPreset | null;
    /** Only what is known to run here. */
    onlyFitting?: boolean;
    /** Before registries are asked. */
    pauses?: IPauses;
    /** The notebook's present kernel, whose GPUs can be handed over. */
    kernelId?: string;
    /** The same, where it is to be said what is lost with it. */
    present?: IPresentKernel | null;
    /** Called when something else is chosen. */
    onState?: (state: ILaunchState) => void;
    /** Called when a row's own button is used, or Enter in the field. */
    onSubmit: () => void;
    /** Called when what was chosen is to be looked at before it is started. */
    onLook?: () => void;
    /** Called when an image is wanted that is not in the list. */
    onAddImage: () => void;
    /** Called with what is chosen when the present kernel is to be kept as an image before. */
    onSave?: (chosen: INewLaunch | null) => void;
  }
}

/** A commit that was asked for in this page and is not over. */
function savingOf(jobs: IJobsModel | null | undefined): IJob | null {
  return (
    jobs?.jobs.find(
      job => job.kind === 'commit' && !hasEnded(job) && jobs.isOwn(job.id)
    ) ?? null
  );
}

function Form(
  props: LaunchForm.IOptions & { onState: (state: ILaunchState) => void }
): React.JSX.Element {
  const { model, trans, registries = null, onState, present } = props;
  const saving = savingOf(props.jobs);
  const form = useLaunchChoice({ ...props, registries });
  const { option, image, remote, request, count, kind, kinds } = form;
  const { gpuChoice, limitChoice } = form;
  const isReady = request !== null && (image !== null || remote.mayPull);
  const problem = model.status?.problem ?? model.problem;
  const isBlocked = problem !== null && !model.images?.length;
  const state: ILaunchState = isBlocked
    ? { request: null, label: trans.__('Start'), isWarning: false, isBlocked }
    : {
        request: isReady && !saving ? request : null,
        ...confirmation(trans, form)
      };
  React.useEffect(() => {
    onState(state);
  }, [JSON.stringify(state)]);

  if (problem && isBlocked) {
    return <Problem problem={problem} />;
  }
  if (!model.images) {
    return <p role="status">{trans.__('Loading…')}</p>;
  }
  return (
    <>
      <ImageSearch
        groups={form.groups}
        chosen={option}
        query={form.query}
        onlyFitting={form.onlyFitting}
        trans={trans}
        onQuery={form.setQuery}
        onOnlyFitting={form.setOnlyFitting}
        onChoose={form.choose}
        onEnter={() => {
          if (form.settle()) {
            return; // the registry is asked first
          }
          if (state.request && image && !state.isWarning) {
            props.onSubmit();
          } else {
            props.onLook?.();
          }
        }}
        onStart={other => {
          onState({ ...state, request: saving ? null : form.requestOf(other) });
          props.onSubmit();
        }}
        onAddImage={props.onAddImage}
      >
        <SearchState form={form} trans={trans} />
      </ImageSearch>
      <div className="jp-GpuContainers-choiceDetails">
        <div className="jp-GpuContainers-choiceAnswer">
          <ChosenImage
            form={form}
            model={model}
            registries={registries}
            trans={trans}
          />
          {option && (
            <div className="jp-GpuContainers-fields">
              {image && (
                <KernelField
                  image={image}
                  model={model}
                  trans={trans}
                  kernel={form.kernel}
                  onChange={form.setKernel}
                />
              )}
              <GpuFields
                kinds={kinds}
                kind={kind}
                choice={gpuChoice}
                count={count}
                kernelId={props.kernelId}
                most={form.most}
                trans={trans}
                onCount={form.setGpus}
                onChoice={form.setGpuChoice}
              />
              {(model.limits || kind.gpus.length > 1) && (
                <details
                  className="jp-GpuContainers-advanced"
                  open={form.isAdvanced || undefined}
                >
                  <summary>
                    {trans.__('Advanced')}{' '}
                    {model.limits && (
                      <LimitSummary
                        limits={model.limits}
                        choice={limitChoice}
                        gpu={particularOf(kind, gpuChoice)?.index ?? null}
                        trans={trans}
                      />
                    )}
                  </summary>
                  {model.limits && (
                    <LimitFields
                      limits={model.limits}
                      choice={limitChoice}
                      trans={trans}
                      onChange={form.setLimitChoice}
                    />
                  )}
                  <WhichGpu
                    kind={kind}
                    choice={gpuChoice}
                    count={count}
                    trans={trans}
                    onChoice={form.setGpuChoice}
                  />
                </details>
              )}
            </div>
          )}
        </div>
        {present && (
          <LossNotice
            kernel={present}
            model={model}
            trans={trans}
            saving={saving}
            onSave={() => props.onSave?.(request)}
          />
        )}
      </div>
    </>
  );
}

// Asks whether the image that a notebook ran in is to be fetched: that very one, or its successor.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { IRemembered } from '../model/remembered';
import { registryHost, withDigest } from '../model/references';
import { needsWarning } from '../model/verdicts';
import { IGpuContainersModel } from '../tokens';
import { IImageDetails } from '../client/wireImages';
import { Chips } from '../widgets/chip';
import { Problem } from '../widgets/problem';
import { VerdictReasons } from '../widgets/verdict';
import { IAnswer, useAnswer } from './answer';

/** Digits of a digest that people compare. */
const SHORT = 'sha256:'.length + 12;

/** Body of the dialog; asks the registry as soon as it is shown. */
export class RememberedForm extends ReactWidget {
  constructor(private readonly _options: RememberedForm.IOptions) {
    super();
    this.addClass('jp-GpuContainers-remembered');
  }

  /** The reference that is to be fetched; null where there is none to choose. */
  getValue(): string | null {
    return this._value;
  }

  protected render(): React.JSX.Element {
    return (
      <Form
        {...this._options}
        onChange={value => {
          this._value = value;
        }}
      />
    );
  }

  private _value: string | null = null;
}

/** Types of the form. */
export namespace RememberedForm {
  /** What the form is about. */
  export interface IOptions {
    model: IGpuContainersModel;
    remembered: IRemembered;
    /** Whether nothing but the very image will do, since its name stands for another one here. */
    isExact: boolean;
    trans: TranslationBundle;
  }
}

function Form(
  props: RememberedForm.IOptions & {
    onChange: (reference: string | null) => void;
  }
): React.JSX.Element {
  const { isExact, model, remembered, trans, onChange } = props;
  const { digest } = remembered;
  const exact =
    digest === null ? remembered.image : withDigest(remembered.image, digest);
  const image = isExact ? exact : remembered.image;
  const named = useAnswer(image, () => model.details(image));
  const now = named.value?.digest ?? null;
  // only where the name stands for something else now, or for nothing any more
  const isMoved =
    !isExact && digest !== null && !named.isLoading && now !== digest;
  const same = useAnswer(isMoved ? exact : '', () => model.details(exact));
  const [chosen, setChosen] = React.useState('');

  const choices = isMoved
    ? [
        { reference: exact, answer: same },
        { reference: image, answer: named }
      ]
    : [{ reference: image, answer: named }];
  const usable = choices.filter(({ answer }) => isUsable(answer));
  const choice =
    usable.find(({ reference }) => reference === chosen) ?? usable[0] ?? null;
  const value = choice?.reference ?? null;
  onChange(value);
  const isLoading = named.isLoading || same.isLoading;

  return (
    <>
      <p>
        {trans.__(
          'This notebook last ran in %1, which is not on this machine. Nothing has been downloaded yet.',
          image
        )}
      </p>
      {isLoading && (
        <p role="status">{trans.__('Asking %1…', registryHost(image))}</p>
      )}
      {!isLoading && isMoved && named.value && (
        <p>
          {trans.__(
            'The name stands for another image now than when the notebook ran.'
          )}
        </p>
      )}
      {!isLoading &&
        (isMoved && named.value ? (
          <fieldset>
            <legend>{trans.__('Image')}</legend>
            {choices.map(({ reference, answer }, index) => (
              <label key={reference}>
                <input
                  type="radio"
                  name="jp-GpuContainers-remembered"
                  checked={reference === value}
                  disabled={!isUsable(answer)}
                  onChange={() => setChosen(reference)}
                />
                <span>
                  {index === 0
                    ? trans.__('The one that it ran in')
                    : trans.__('What the name stands for now')}
                </span>
                <About answer={answer} trans={trans} />
              </label>
            ))}
          </fieldset>
        ) : (
          <About answer={isMoved ? same : named} trans={trans} />
        ))}
      {choice?.answer.value &&
        needsWarning(choice.answer.value.verdict, remembered.gpus) && (
          <div className="jp-GpuContainers-problem" role="alert">
            <VerdictReasons
              verdict={choice.answer.value.verdict}
              trans={trans}
            />
          </div>
        )}
      <Required value={value} />
    </>
  );
}

/** What is known of an image, or why it cannot be had. */
function About(props: {
  answer: IAnswer<IImageDetails>;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { problem, value } = props.answer;
  const obstacle = problem ?? value?.problem;
  if (obstacle) {
    return <Problem problem={obstacle} />;
  }
  return (
    value && (
      <span className="jp-GpuContainers-rememberedFacts">
        <Chips image={value} trans={props.trans} />
        {value.digest && <code>{value.digest.slice(0, SHORT)}</code>}
      </span>
    )
  );
}

/** Keeps the dialog's button off until there is something to accept. */
function Required(props: { value: string | null }): React.JSX.Element {
  const field = React.useRef<HTMLInputElement>(null);
  React.useEffect(() => {
    field.current?.dispatchEvent(new Event('input', { bubbles: true }));
  }, [props.value]);
  return (
    <input
      ref={field}
      aria-hidden
      className="jp-GpuContainers-required"
      required
      tabIndex={-1}
      value={props.value ?? ''}
      onChange={() => undefined}
    />
  );
}

function isUsable({ value }: IAnswer<IImageDetails>): boolean {
  return value !== null && value.problem === null;
}

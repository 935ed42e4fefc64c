// Icons are imported as text.
declare module '*.svg' {
  const value: string;
  export default value;
}

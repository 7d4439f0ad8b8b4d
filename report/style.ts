/** @file The report's style sheet: light and dark, wide and narrow, screen and paper. */
import { chartRules, variables } from './palette.js';

export const styleSheet = `
:root{color-scheme:light dark;${variables('light')}}
@media (prefers-color-scheme:dark){:root{${variables('dark')}}}
@media print{:root{color-scheme:light;${variables('light')}}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15.5px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main,header.top,footer{max-width:1060px;margin:0 auto;padding:0 24px}
header.top{padding-top:56px;padding-bottom:8px}
.eyebrow{margin:0;color:var(--muted);font-size:13px;letter-spacing:.04em}
h1{margin:.1em 0 .3em;font-size:40px;line-height:1.1;letter-spacing:-.022em;font-weight:650}
h2{margin:64px 0 6px;font-size:24px;letter-spacing:-.012em;line-height:1.2;font-weight:640}
h3{margin:32px 0 8px;font-size:16.5px;font-weight:620}
p{margin:.4em 0 .9em;max-width:72ch}
.lead{font-size:18px;line-height:1.5;max-width:64ch}
.facts{display:flex;flex-wrap:wrap;gap:6px 34px;margin:22px 0 0;padding:16px 0 0;border-top:1px solid var(--grid)}
.facts div{min-width:0}
.facts dt{color:var(--muted);font-size:12.5px}
.facts dd{margin:0;font-variant-numeric:tabular-nums}
nav{position:sticky;top:0;z-index:2;background:var(--paper);border-bottom:1px solid var(--grid);margin-top:26px}
nav ul{max-width:1060px;margin:0 auto;padding:0 24px;display:flex;gap:22px;list-style:none;overflow-x:auto;white-space:nowrap}
nav a{display:block;padding:11px 0;color:var(--muted);text-decoration:none;font-size:14px}
nav a:hover,nav a:focus-visible{color:var(--ink)}
section{scroll-margin-top:54px}
code,.key{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.methods th:first-child,.methods td:first-child{width:38%;min-width:170px}
.methods th:nth-child(2){width:22%}
.scroll{overflow-x:auto;margin:0 -24px;padding:0 24px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:14.5px}
th{font-weight:500;color:var(--muted);text-align:left;font-size:13px;border-bottom:1px solid var(--faint)}
th,td{padding:6px 18px 6px 0;vertical-align:baseline}
td{border-bottom:1px solid var(--grid)}
td.number,th.number{text-align:right}
td.interval{white-space:nowrap}
caption{text-align:left;padding:14px 0 2px;font-size:16.5px;font-weight:620;caption-side:top}
.measures{font-size:13.5px}
.measures th,.measures td{padding-right:14px}
.measures th.number{white-space:normal;min-width:72px;vertical-align:bottom}
#trials .key{user-select:all;cursor:copy}
td .ends,.quiet{color:var(--muted)}
tr.first td{border-top:1px solid var(--faint)}
.dot{display:inline-block;width:8px;height:8px;border-radius:50%;margin-right:9px;vertical-align:.06em}
.dot.weak{background:var(--weak)}.dot.method{background:var(--method)}.dot.control{background:var(--control)}.dot.ceiling{background:var(--ceiling)}
.values{color:var(--muted)}
.failed{color:var(--alarm)}
.callout{border-left:3px solid var(--alarm);background:var(--raised);padding:12px 18px;margin:22px 0;border-radius:0 6px 6px 0}
.callout.calm{border-color:var(--faint)}
.callout h3{margin:0 0 6px}
.callout ul{margin:0;padding-left:18px}
.callout li{margin:3px 0;overflow-wrap:anywhere}
figure{margin:22px 0 36px}
figure .scroll{padding-top:2px;padding-bottom:2px}
svg.chart{display:block;max-width:100%;height:auto;min-width:min(var(--width),660px)}
.chart text{font-family:inherit}
figcaption{color:var(--muted);font-size:13.5px;line-height:1.5;max-width:78ch;margin-top:10px}
figcaption b{color:var(--ink);font-weight:600}
.legend{display:flex;flex-wrap:wrap;gap:4px 20px;font-size:13px;color:var(--muted);margin:4px 0 10px}
.tools{display:flex;flex-wrap:wrap;gap:10px;margin:14px 0 10px;align-items:center}
.tools input,.tools select{font:inherit;font-size:14px;padding:6px 10px;color:inherit;background:var(--raised);border:1px solid var(--faint);border-radius:6px}
.tools input{flex:1 1 260px;min-width:0}
input:focus-visible,select:focus-visible,button:focus-visible,a:focus-visible,summary:focus-visible{outline:2px solid var(--method);outline-offset:2px}
th button{all:unset;cursor:pointer}
th button:focus-visible{outline:2px solid var(--method)}
th[aria-sort=ascending] button::after{content:" ↑"}
th[aria-sort=descending] button::after{content:" ↓"}
#trials td{padding-top:4px;padding-bottom:4px;font-size:13.5px}
#trials tbody tr.trial{cursor:pointer}
#trials tbody tr.trial:hover{background:var(--raised)}
#trials button.open{all:unset;cursor:pointer;color:var(--muted);width:1.3em;display:inline-block;text-align:center}
#trials button.open:focus-visible{outline:2px solid var(--method)}
#trials tr.chain>td{padding:6px 0 14px 22px;background:var(--raised)}
.chain ol{list-style:none;margin:0;padding:0;display:grid;gap:2px}
.chain li{display:grid;grid-template-columns:84px minmax(0,1fr);gap:0 12px;align-items:baseline}
.chain .kind{color:var(--muted);font-size:12.5px}
.chain .key{grid-column:2;color:var(--muted)}
.key.copied::after{content:"  copied";color:var(--ceiling)}
footer{color:var(--muted);font-size:13px;padding-top:40px;padding-bottom:70px}
${chartRules()}
@media (max-width:640px){body{font-size:15px}h1{font-size:30px}header.top{padding-top:30px}main,header.top,footer,nav ul{padding-left:16px;padding-right:16px}.scroll{margin:0 -16px;padding:0 16px}h2{margin-top:44px}}
@media print{nav,.tools,button.open{display:none!important}body{font-size:10.5pt}h2{break-after:avoid}figure,.callout,tr{break-inside:avoid}.scroll{overflow:visible}a{color:inherit}svg.chart{min-width:0}}
`;

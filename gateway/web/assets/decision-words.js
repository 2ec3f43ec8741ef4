/**
 * The words of a decision's card, which come with it, in all languages of the page.
 */

const en = {
  exact: 'You decide on exactly this:',
  hidden: 'Characters that cannot be seen are shown as their codes.',
  approve: 'Approve', approve_confirm: 'Tap again to approve', reject: 'Reject', edit: 'Change it', respond: 'Answer in words',
  back: 'Back', why: 'Why not? (optional)', words: 'Your answer', instead: 'Approve this instead', edit_send: 'Approve my version',
  unchanged: 'Nothing is changed yet.', not_json: 'This is not valid JSON.',
  approved: 'You approved this.', edited: 'You changed it, and approved this:', rejected: 'You rejected this.', responded: 'You answered:',
  timed_out: 'Nobody decided in time. Nothing was approved.',
};

/** @type {Record<string, typeof en>} */
const WORDS = {
  en,
  de: {
    exact: 'Sie entscheiden über genau dies:',
    hidden: 'Zeichen, die man nicht sieht, stehen hier als ihr Code.',
    approve: 'Freigeben', approve_confirm: 'Zum Freigeben noch einmal tippen', reject: 'Ablehnen', edit: 'Ändern', respond: 'Mit Worten antworten',
    back: 'Zurück', why: 'Warum nicht? (freiwillig)', words: 'Ihre Antwort', instead: 'Stattdessen freigeben', edit_send: 'Meine Fassung freigeben',
    unchanged: 'Noch ist nichts geändert.', not_json: 'Das ist kein gültiges JSON.',
    approved: 'Sie haben dies freigegeben.', edited: 'Sie haben es geändert und dies freigegeben:', rejected: 'Sie haben dies abgelehnt.', responded: 'Sie haben geantwortet:',
    timed_out: 'Niemand hat rechtzeitig entschieden. Nichts wurde freigegeben.',
  },
  fr: {
    exact: 'Vous décidez exactement de ceci :',
    hidden: 'Les caractères invisibles sont affichés par leur code.',
    approve: 'Approuver', approve_confirm: 'Touchez encore pour approuver', reject: 'Refuser', edit: 'Modifier', respond: 'Répondre par écrit',
    back: 'Retour', why: 'Pourquoi pas ? (facultatif)', words: 'Votre réponse', instead: 'Approuver ceci à la place', edit_send: 'Approuver ma version',
    unchanged: 'Rien n’est encore modifié.', not_json: 'Ce n’est pas du JSON valide.',
    approved: 'Vous avez approuvé ceci.', edited: 'Vous l’avez modifié et avez approuvé ceci :', rejected: 'Vous avez refusé ceci.', responded: 'Vous avez répondu :',
    timed_out: 'Personne n’a décidé à temps. Rien n’a été approuvé.',
  },
  es: {
    exact: 'Usted decide exactamente sobre esto:',
    hidden: 'Los caracteres invisibles se muestran con su código.',
    approve: 'Aprobar', approve_confirm: 'Toque otra vez para aprobar', reject: 'Rechazar', edit: 'Cambiar', respond: 'Responder con palabras',
    back: 'Volver', why: '¿Por qué no? (opcional)', words: 'Su respuesta', instead: 'Aprobar esto en su lugar', edit_send: 'Aprobar mi versión',
    unchanged: 'Aún no hay ningún cambio.', not_json: 'Esto no es JSON válido.',
    approved: 'Usted aprobó esto.', edited: 'Usted lo cambió y aprobó esto:', rejected: 'Usted rechazó esto.', responded: 'Usted respondió:',
    timed_out: 'Nadie decidió a tiempo. No se aprobó nada.',
  },
  pt: {
    exact: 'Você decide exatamente sobre isto:',
    hidden: 'Caracteres invisíveis aparecem com o seu código.',
    approve: 'Aprovar', approve_confirm: 'Toque de novo para aprovar', reject: 'Rejeitar', edit: 'Alterar', respond: 'Responder com palavras',
    back: 'Voltar', why: 'Por que não? (opcional)', words: 'Sua resposta', instead: 'Aprovar isto no lugar', edit_send: 'Aprovar minha versão',
    unchanged: 'Nada foi alterado ainda.', not_json: 'Isto não é JSON válido.',
    approved: 'Você aprovou isto.', edited: 'Você alterou e aprovou isto:', rejected: 'Você rejeitou isto.', responded: 'Você respondeu:',
    timed_out: 'Ninguém decidiu a tempo. Nada foi aprovado.',
  },
  ja: {
    exact: '次の内容そのものについて決めます：',
    hidden: '目に見えない文字はコードで表示しています。',
    approve: '承認する', approve_confirm: 'もう一度タップすると承認します', reject: '却下する', edit: '変更する', respond: '言葉で答える',
    back: '戻る', why: '理由（任意）', words: 'あなたの回答', instead: '代わりに承認する内容', edit_send: 'この内容で承認する',
    unchanged: 'まだ何も変更されていません。', not_json: '有効な JSON ではありません。',
    approved: '承認しました。', edited: '変更して、次の内容を承認しました：', rejected: '却下しました。', responded: '回答しました：',
    timed_out: '期限までに決定されませんでした。何も承認されていません。',
  },
  zh: {
    exact: '您要决定的正是以下内容：',
    hidden: '看不见的字符以其代码显示。',
    approve: '批准', approve_confirm: '再点一次即批准', reject: '拒绝', edit: '修改', respond: '用文字回答',
    back: '返回', why: '为什么不？（可不填）', words: '您的回答', instead: '改为批准以下内容', edit_send: '批准我的版本',
    unchanged: '还没有任何修改。', not_json: '这不是有效的 JSON。',
    approved: '您已批准。', edited: '您修改后批准了以下内容：', rejected: '您已拒绝。', responded: '您的回答：',
    timed_out: '没有人及时决定。没有批准任何内容。',
  },
  ar: {
    exact: 'قرارك عن هذا بالضبط:',
    hidden: 'الرموز التي لا تُرى معروضة بشيفرتها.',
    approve: 'موافقة', approve_confirm: 'انقر مرة أخرى للموافقة', reject: 'رفض', edit: 'تعديل', respond: 'الرد بالكلمات',
    back: 'رجوع', why: 'لِمَ لا؟ (اختياري)', words: 'ردّك', instead: 'الموافقة على هذا بدلًا منه', edit_send: 'الموافقة على نسختي',
    unchanged: 'لم يتغيّر شيء بعد.', not_json: 'هذا ليس JSON صالحًا.',
    approved: 'وافقتَ على هذا.', edited: 'عدّلتَه ووافقتَ على هذا:', rejected: 'رفضتَ هذا.', responded: 'كان ردّك:',
    timed_out: 'لم يقرّر أحد في الوقت المحدد. لم تتم الموافقة على شيء.',
  },
};

/** The words in the language that the page speaks. */
export const wordsHere = () => WORDS[document.documentElement.lang.toLowerCase().split('-')[0]] ?? en;

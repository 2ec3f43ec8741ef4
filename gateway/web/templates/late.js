(function () {
  setTimeout(function () {
    var page = document.documentElement, place = document.querySelector('.loading');
    if (page.hasAttribute('data-begun') || !place) return;
    var words = {
      en: 'This is taking long. Perhaps this browser is too old for the chat, or a file was blocked on its way. Load the page again, or open the link in another browser. Nothing is used up.',
      de: 'Das dauert lange. Vielleicht ist dieser Browser zu alt für den Chat, oder eine Datei wurde unterwegs blockiert. Lade die Seite neu oder öffne den Link in einem anderen Browser. Nichts ist verbraucht.',
      es: 'Esto tarda mucho. Quizá este navegador sea demasiado antiguo para el chat, o se haya bloqueado un archivo. Vuelve a cargar la página o abre el enlace en otro navegador. No se ha gastado nada.',
      fr: 'C’est long. Ce navigateur est peut-être trop ancien pour la discussion, ou un fichier a été bloqué. Rechargez la page, ou ouvrez le lien dans un autre navigateur. Rien n’est perdu.',
      pt: 'Está demorando. Talvez este navegador seja antigo demais para a conversa, ou um arquivo tenha sido bloqueado. Recarregue a página ou abra o link em outro navegador. Nada foi gasto.',
      ja: '時間がかかっています。ブラウザーが古すぎるか、ファイルがブロックされた可能性があります。再読み込みするか、別のブラウザーでリンクを開いてください。何も使われていません。',
      zh: '加载时间过长。可能是浏览器版本太旧，或有文件被拦截。请重新加载页面，或用其他浏览器打开链接。链接没有被用掉。',
      ar: 'يستغرق هذا وقتًا طويلاً. ربما يكون هذا المتصفح قديمًا جدًا، أو حُجب أحد الملفات. أعد تحميل الصفحة أو افتح الرابط في متصفح آخر. لم يُستهلك شيء.'
    };
    var tag = String(navigator.language || 'en').slice(0, 2).toLowerCase(), said = document.createElement('p');
    tag = words[tag] ? tag : 'en';
    said.className = 'late';
    said.lang = tag;
    said.dir = tag === 'ar' ? 'rtl' : 'ltr';
    said.setAttribute('role', 'alert');
    said.textContent = words[tag];
    place.removeAttribute('aria-busy');
    place.appendChild(said);
  }, 5000);
})();

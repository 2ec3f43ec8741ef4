(function(){setTimeout(function(){
var page=document.documentElement,place=document.querySelector('.loading'),said=document.createElement('p');
if(page.hasAttribute('data-begun')||!place)return;
var words={en:'This takes long. The browser may be too old, or a file was blocked. Load the page again, or open the link in another browser.',de:'Das dauert lange. Vielleicht ist der Browser zu alt, oder eine Datei wurde blockiert. Lade die Seite neu oder öffne den Link in einem anderen Browser.',es:'Esto tarda. Quizá el navegador sea demasiado antiguo o se haya bloqueado un archivo. Recarga la página o abre el enlace en otro navegador.',fr:'C’est long. Le navigateur est peut-être trop ancien, ou un fichier a été bloqué. Rechargez la page ou ouvrez le lien dans un autre navigateur.',pt:'Está demorando. O navegador pode ser antigo demais, ou um arquivo foi bloqueado. Recarregue a página ou abra o link em outro navegador.',ja:'時間がかかっています。ブラウザーが古いか、ファイルがブロックされたようです。再読み込みするか、別のブラウザーで開いてください。',zh:'加载时间过长。浏览器可能太旧，或有文件被拦截。请重新加载，或用其他浏览器打开链接。',ar:'يستغرق هذا وقتًا طويلاً. ربما المتصفح قديم أو حُجب ملف. أعد تحميل الصفحة أو افتح الرابط في متصفح آخر.'};
var tag=String(navigator.language).slice(0,2).toLowerCase();
tag=words[tag]?tag:'en';
said.className='late';said.lang=tag;said.dir=tag==='ar'?'rtl':'ltr';
said.setAttribute('role','alert');
said.textContent=words[tag];
place.removeAttribute('aria-busy');
place.appendChild(said)
},5000)})()
